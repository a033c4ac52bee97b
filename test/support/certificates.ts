import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Certificates {
  readonly ca: string
  readonly server: { readonly certificate: string; readonly key: string }
  /** Of the authority, with the common name `kube-apiserver-1`. */
  readonly client: { readonly certificate: string; readonly key: string }
  /** Of another authority. */
  readonly stranger: { readonly certificate: string; readonly key: string }
}

/** An authority, a server for 127.0.0.1 and localhost, a client; and a client that nobody knows. Made by openssl. */
export function makeCertificates(): Certificates {
  const home = mkdtempSync(join(tmpdir(), 'decklog-certificates-'))
  const openssl = (...args: string[]): void =>
    void execFileSync('openssl', args, { cwd: home, stdio: 'ignore' })
  const read = (name: string): string => readFileSync(join(home, name), 'utf8')
  const authority = (name: string): void =>
    openssl(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.pem`,
    )
  const issue = (name: string, ca: string): { certificate: string; key: string } => {
    openssl(
      'req',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
    )
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      `${ca}.pem`,
      '-CAkey',
      `${ca}.key`,
      '-CAcreateserial',
      '-days',
      '2',
      '-extfile',
      'names',
      '-out',
      `${name}.pem`,
    )
    return { certificate: read(`${name}.pem`), key: read(`${name}.key`) }
  }
  try {
    writeFileSync(join(home, 'names'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n')
    authority('authority')
    authority('other')
    return {
      ca: read('authority.pem'),
      server: issue('localhost', 'authority'),
      client: issue('kube-apiserver-1', 'authority'),
      stranger: issue('stranger', 'other'),
    }
  } finally {
    rmSync(home, { recursive: true })
  }
}
