/** As `config/sources/syslog.ts` gives it. Times in milliseconds, sizes in bytes. */
export interface SyslogConfig {
  readonly udp?: readonly Address[] | undefined
  readonly tcp?: readonly Address[] | undefined
  readonly tls?: SyslogTls | undefined
  readonly unix?: { readonly path: string; readonly mode: string } | undefined
  readonly recordMax: number
  readonly streamsMax: number
  readonly rateMax: { readonly messages: number; readonly bytes: number }
  readonly connectionsMax: number
  readonly senderConnectionsMax: number
  readonly idleTimeout: number
  readonly handshakeTimeout: number
  readonly memoryMax: number
  readonly receiveBuffer: number
  readonly proxies?: readonly string[] | undefined
  readonly spool: { readonly closeAfter: number }
}

export interface Address {
  readonly host: string
  readonly port: number
}

export interface SyslogTls {
  readonly listen: readonly Address[]
  readonly certificate: string
  readonly key: string
  readonly passphrase?: string | undefined
  readonly clientCa?: string | undefined
  readonly clients?: readonly string[] | undefined
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3'
}

export type Transport = 'udp' | 'tcp' | 'tls' | 'unix'
