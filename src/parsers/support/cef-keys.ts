import type { DeviceKind } from './device-value.ts'

/** What an extension's key stands for: its full name, its kind, and the field of ECS that it becomes, if any. */
export interface CefKey {
  readonly name: string
  readonly kind: DeviceKind
  readonly field?: string
}

/**
 * ArcSight Common Event Format, revision 25: key, full name (`-`: the same), kind, and the field of ECS that Elastic's cef
 * integration gives it. Left out of ECS: what is the shipper's to say (agent*, agentReceiptTime) and `type`, whose numbers are no
 * `event.kind`.
 */
const TABLE = `
agt agentAddress ip
ahost agentHostName text
aid agentId text
amac agentMacAddress mac
art agentReceiptTime time
atz agentTimeZone text
at agentType text
av agentVersion text
agentTranslatedAddress - ip
app applicationProtocol text network.application
cnt baseEventCount integer
in bytesIn integer source.bytes
out bytesOut integer destination.bytes
customerExternalID - text organization.id
customerURI - text organization.name
dst destinationAddress ip destination.ip
destinationDnsDomain - text destination.domain
dlat destinationGeoLatitude number destination.geo.location.lat
dlong destinationGeoLongitude number destination.geo.location.lon
dhost destinationHostName text destination.domain
dmac destinationMacAddress mac destination.mac
dntdom destinationNtDomain text
dpt destinationPort integer destination.port
dpid destinationProcessId integer destination.process.pid
dproc destinationProcessName text destination.process.name
destinationServiceName - text destination.service.name
destinationTranslatedAddress - ip destination.nat.ip
destinationTranslatedPort - integer destination.nat.port
duid destinationUserId text destination.user.id
duser destinationUserName text destination.user.name
dpriv destinationUserPrivileges text destination.user.group.name
act deviceAction text event.action
dvc deviceAddress ip observer.ip
deviceCustomDate1 - time
deviceCustomDate2 - time
cfp1 deviceCustomFloatingPoint1 number
cfp2 deviceCustomFloatingPoint2 number
cfp3 deviceCustomFloatingPoint3 number
cfp4 deviceCustomFloatingPoint4 number
c6a1 deviceCustomIPv6Address1 ip
c6a2 deviceCustomIPv6Address2 ip
c6a3 deviceCustomIPv6Address3 ip
c6a4 deviceCustomIPv6Address4 ip
cn1 deviceCustomNumber1 integer
cn2 deviceCustomNumber2 integer
cn3 deviceCustomNumber3 integer
cs1 deviceCustomString1 text
cs2 deviceCustomString2 text
cs3 deviceCustomString3 text
cs4 deviceCustomString4 text
cs5 deviceCustomString5 text
cs6 deviceCustomString6 text
deviceDirection - integer
deviceDnsDomain - text observer.hostname
cat deviceEventCategory text
dvchost deviceHostName text observer.hostname
dvcmac deviceMacAddress mac observer.mac
DevicePayloadId devicePayloadId text event.id
devicePayloadId - text event.id
dvcpid deviceProcessId integer process.pid
deviceProcessName - text process.name
rt deviceReceiptTime time @timestamp
dtz deviceTimeZone text event.timezone
DeviceOutboundInterface deviceOutboundInterface text
deviceTranslatedAddress - ip
end endTime time event.end
eventId - integer event.id
outcome eventOutcome text
fileCreateTime - time file.created
fileHash - text
fileId - text file.inode
fileModificationTime - time file.mtime
fname filename text file.name
filePath - text file.path
filePermission - text file.group
fsize fileSize integer file.size
fileType - text file.type
flexDate1 - time
msg message text message
message - text message
oldFileCreateTime - time
oldFileModificationTime - time
oldFileSize - integer
reason Reason text event.reason
requestClientApplication - text user_agent.original
requestContext - text
requestMethod - text http.request.method
request requestUrl text url.original
src sourceAddress ip source.ip
sourceDnsDomain - text source.domain
slat sourceGeoLatitude number source.geo.location.lat
slong sourceGeoLongitude number source.geo.location.lon
shost sourceHostName text source.domain
smac sourceMacAddress mac source.mac
sntdom sourceNtDomain text
spt sourcePort integer source.port
spid sourceProcessId integer source.process.pid
sproc sourceProcessName text source.process.name
sourceServiceName - text source.service.name
sourceTranslatedAddress - ip source.nat.ip
sourceTranslatedPort - integer source.nat.port
suid sourceUserId text source.user.id
suser sourceUserName text source.user.name
spriv sourceUserPrivileges text source.user.group.name
start startTime time event.start
proto transportProtocol text
type - text
catdt categoryDeviceType text
`

export const CEF_KEYS: ReadonlyMap<string, CefKey> = keysOf(TABLE)

/** A label is text, and called as what it labels: `cs1Label` is `deviceCustomString1Label`. */
function keysOf(table: string): ReadonlyMap<string, CefKey> {
  const keys = new Map<string, CefKey>()
  for (const line of table.trim().split('\n')) {
    const [key, full, kind, field] = line.split(' ')
    const name = full === '-' ? key! : full!
    const entry: CefKey = { name, kind: kind as DeviceKind, ...(field === undefined ? {} : { field }) }
    keys.set(key!, entry)
    keys.set(name, entry)
    if (/Custom|flex/.test(name)) keys.set(`${key!}Label`, { name: `${name}Label`, kind: 'text' })
  }
  for (const name of ['flexString1', 'flexString2'])
    keys.set(`${name}Label`, { name: `${name}Label`, kind: 'text' })
  return keys
}
