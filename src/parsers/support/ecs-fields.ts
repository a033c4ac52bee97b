/**
 * Fields of the Elastic Common Schema that a document of somebody else may set, by what their values are. What the shipper says
 * (host, agent, container, orchestrator, data_stream, …), what the pipeline says (tags, related, rule, threat, `event.kind`) and
 * what others could forge with is left out. A test compares them with schemas/elasticsearch/fields-ecs.yaml.
 */
export type EcsKind = 'text' | 'ip' | 'integer' | 'number' | 'boolean' | 'date'

const FIELDS: Readonly<Record<EcsKind, string>> = {
  text: `
    client: address as.organization.name domain geo.city_name geo.continent_code geo.country_iso_code
    client: geo.country_name geo.region_iso_code geo.region_name mac user.id user.name
    destination: address as.organization.name domain geo.city_name geo.continent_code geo.country_iso_code
    destination: geo.country_name geo.region_iso_code geo.region_name mac user.id user.name
    dns: answers.data answers.name answers.type id op_code question.class question.name
    dns: question.registered_domain question.type response_code type
    error: code id message stack_trace type
    event: action category code hash id outcome provider reason reference timezone type url
    file: attributes directory extension gid group hash.md5 hash.sha1 hash.sha256 inode mode name owner
    file: path target_path type uid
    group: id name
    http: request.id request.method request.mime_type request.referrer response.mime_type version
    log: file.path level logger origin.file.name origin.function
    network: application community_id direction iana_number name protocol transport type vlan.id vlan.name
    process: args command_line entity_id env_vars executable group.id group.name hash.md5 hash.sha1
    process: hash.sha256 name parent.args parent.command_line parent.entity_id parent.executable
    process: parent.group.id parent.name parent.title parent.user.id parent.user.name
    process: parent.working_directory real_group.id real_user.id real_user.name saved_group.id
    process: saved_user.id saved_user.name session_leader.entity_id thread.capabilities.effective
    process: thread.capabilities.permitted thread.name title tty user.id user.name working_directory
    server: address as.organization.name domain mac user.id user.name
    service: address environment id name node.name state type version
    source: address as.organization.name domain geo.city_name geo.continent_code geo.country_iso_code
    source: geo.country_name geo.region_iso_code geo.region_name mac user.id user.name
    span: id
    tls: cipher client.hash.sha256 client.issuer client.ja3 client.server_name client.subject
    tls: client.x509.serial_number curve next_protocol server.hash.sha256 server.issuer server.subject
    tls: server.x509.serial_number version version_protocol
    trace: id
    transaction: id
    url: domain extension fragment full original password path query registered_domain scheme username
    user: changes.id changes.name domain effective.domain effective.group.id effective.group.name
    user: effective.id effective.name email full_name group.domain group.id group.name hash id name roles
    user: target.domain target.group.id target.group.name target.id target.name
    user_agent: device.name name original os.name version`,
  ip: `
    client: ip nat.ip
    destination: ip nat.ip
    dns: resolved_ip
    server: ip
    source: ip nat.ip`,
  integer: `
    client: as.number bytes nat.port packets port
    destination: as.number bytes nat.port packets port
    event: duration sequence severity
    file: size
    http: request.body.bytes request.bytes response.body.bytes response.bytes response.status_code
    log: file.inode file.line offset origin.file.line
    network: bytes packets
    process: args_count exit_code parent.args_count parent.exit_code parent.pgid parent.pid
    process: parent.thread.id pgid pid session_leader.pid thread.id vpid
    server: bytes nat.port packets port
    source: as.number bytes nat.port packets port
    url: port`,
  number: `
    event: risk_score`,
  boolean: `
    dns: answers_truncated
    process: interactive parent.interactive
    tls: established resumed`,
  date: `
    event: end start
    file: accessed created ctime mtime
    process: end parent.start start
    tls: client.not_after client.not_before server.not_after server.not_before`,
}

/** By whole name, e.g. `source.port`. */
export const ECS_FIELDS: ReadonlyMap<string, EcsKind> = new Map(
  Object.entries(FIELDS).flatMap(([kind, list]) => namesOf(list).map((name) => [name, kind as EcsKind])),
)

/** Names that hold others: `source`, `source.user`. */
export const ECS_PARENTS: ReadonlySet<string> = new Set([...ECS_FIELDS.keys()].flatMap(parentsOf))

/** A line for each root: `root: name name.of.it …`. */
function namesOf(list: string): string[] {
  return list
    .trim()
    .split('\n')
    .filter((line) => line.trim() !== '')
    .flatMap((line) => {
      const [root, names] = line.trim().split(': ', 2)
      return names!.split(' ').map((name) => `${root}.${name}`)
    })
}

function parentsOf(name: string): string[] {
  const parts = name.split('.')
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('.'))
}
