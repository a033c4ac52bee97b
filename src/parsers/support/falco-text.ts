import type { JsonObject } from '../../core/document.ts'
import type { FormatContext } from '../../ports/format.ts'
import { SEVERITIES } from './falco-ecs.ts'
import { readTimeOfDay } from './time-of-day.ts'
import { readIso } from './time.ts'

export interface FalcoText {
  readonly ns: bigint | undefined
  readonly priority: string
  /** The line without its time. */
  readonly output: string
  /** By Falco's own names of fields. */
  readonly fields: JsonObject
  /** A key came twice: one of them stood in a command or a path. */
  readonly ambiguous: boolean
}

/** Keys of Falco's own rules (falcosecurity/rules, and what falco appends with `-pk`, `append_output`), and the field that each prints. */
const KEYS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    file: 'fd.name',
    fd_name: 'fd.name',
    fd: 'fd.name',
    connection: 'fd.name',
    fd_type: 'fd.type',
    fd_l4proto: 'fd.l4proto',
    fd_proto: 'fd.l4proto',
    proto: 'fd.l4proto',
    lport: 'fd.lport',
    rport: 'fd.rport',
    cport: 'fd.cport',
    sport: 'fd.sport',
    evt_type: 'evt.type',
    evt_res: 'evt.res',
    res: 'evt.res',
    user: 'user.name',
    user_name: 'user.name',
    user_uid: 'user.uid',
    user_loginuid: 'user.loginuid',
    user_loginname: 'user.loginname',
    process: 'proc.name',
    proc_name: 'proc.name',
    program: 'proc.name',
    proc_exepath: 'proc.exepath',
    exe: 'proc.exe',
    proc_exe: 'proc.exe',
    proc_sname: 'proc.sname',
    proc_cwd: 'proc.cwd',
    cwd: 'proc.cwd',
    proc_pid: 'proc.pid',
    pid: 'proc.pid',
    ppid: 'proc.ppid',
    parent: 'proc.pname',
    proc_pname: 'proc.pname',
    parent_exe: 'proc.pexe',
    parent_exepath: 'proc.pexepath',
    pcmdline: 'proc.pcmdline',
    cmdline: 'proc.cmdline',
    command: 'proc.cmdline',
    proc_cmdline: 'proc.cmdline',
    terminal: 'proc.tty',
    tty: 'proc.tty',
    exe_flags: 'evt.arg.flags',
    flags: 'evt.arg.flags',
    gparent: 'proc.aname[2]',
    ggparent: 'proc.aname[3]',
    gggparent: 'proc.aname[4]',
    proc_exe_ino_ctime: 'proc.exe_ino.ctime',
    proc_exe_ino_mtime: 'proc.exe_ino.mtime',
    proc_exe_ino_ctime_duration_proc_start: 'proc.exe_ino.ctime_duration_proc_start',
    container: 'container.id',
    container_id: 'container.id',
    container_name: 'container.name',
    container_image: 'container.image.repository',
    container_image_repository: 'container.image.repository',
    image: 'container.image.repository',
    container_image_tag: 'container.image.tag',
    container_start_ts: 'container.start_ts',
    k8s_ns: 'k8s.ns.name',
    k8s_ns_name: 'k8s.ns.name',
    k8s_pod: 'k8s.pod.name',
    k8s_pod_name: 'k8s.pod.name',
    k8s_pod_uid: 'k8s.pod.uid',
    'k8s.ns': 'k8s.ns.name',
    'k8s.pod': 'k8s.pod.name',
    ns: 'k8s.ns.name',
    pod: 'k8s.pod.name',
  }),
)
/** Any field may be printed by its own name, with dots or with `_` for them. */
const OWN_KEY = /^(?:evt|proc|fd|fs|k8s|container|user|group|thread|ka|ct|aname)[._[][A-Za-z0-9_.[\]]*$/

export function readFalcoText(text: string, context: FormatContext): FalcoText | undefined {
  const time = readTime(text, context)
  if (time === undefined) return undefined
  const space = text.indexOf(' ', time.end)
  const priority = space < 0 ? '' : text.slice(time.end, space)
  if (!Object.hasOwn(SEVERITIES, priority.toLowerCase())) return undefined
  const { fields, ambiguous } = readKeys(text, space + 1)
  return { ns: time.ns, priority, output: text.slice(space + 1), fields, ambiguous }
}

/** `HH:MM:SS.nnnnnnnnn: ` or, with `time_format_iso_8601`, `2024-05-07T18:54:19.341081180+0000: `. */
function readTime(
  text: string,
  context: FormatContext,
): { readonly end: number; readonly ns: bigint | undefined } | undefined {
  const stamp = readTimeOfDay(text, context) ?? readIso(text, 0, context.utcOffsetMinutes)
  if (stamp === undefined || !text.startsWith(': ', stamp.end)) return undefined
  return { end: stamp.end + 2, ns: stamp.ns }
}

function readKeys(text: string, from: number): { fields: JsonObject; ambiguous: boolean } {
  const fields = Object.create(null) as JsonObject
  const bar = text.indexOf(' | ', from)
  const open = bar < 0 ? text.indexOf('(', from) : bar + 2
  const close = bar < 0 ? text.lastIndexOf(')') : text.length
  if (open < 0 || close < open) return { fields, ambiguous: false }
  let ambiguous = false
  let name: string | undefined
  let valueAt = 0
  for (let at = open + 1; at < close; at++) {
    const space = text.indexOf(' ', at)
    const wordEnd = space < 0 || space > close ? close : space
    const equals = text.indexOf('=', at)
    const key = equals < 0 || equals >= wordEnd ? undefined : fieldOf(text.slice(at, equals))
    if (key !== undefined) {
      if (name !== undefined) keep(fields, name, text.slice(valueAt, at - 1))
      ambiguous ||= fields[key] !== undefined
      name = key
      valueAt = equals + 1
    }
    at = wordEnd
  }
  if (name !== undefined) keep(fields, name, text.slice(valueAt, close))
  return { fields, ambiguous }
}

function fieldOf(key: string): string | undefined {
  const known = KEYS.get(key)
  if (known !== undefined) return known
  return key.length < 64 && OWN_KEY.test(key) ? key : undefined
}

const NUMBERS = /^(?:user\.uid|user\.loginuid|proc\.tty|proc\.pid|proc\.ppid|fd\.[lrcs]port)$/

/** The first wins: what a command holds comes later in Falco's own rules. `<NA>` is no value. */
function keep(fields: JsonObject, name: string, value: string): void {
  if (fields[name] !== undefined || value === '' || value === '<NA>') return
  fields[name] = NUMBERS.test(name) && /^-?\d{1,15}$/.test(value) ? Number(value) : value
}
