import type { FormatDefinition } from '../ports/format.ts'
import { kubeAudit } from './kube-audit.ts'
import { logind } from './logind.ts'
import { pam } from './pam.ts'
import { sshd } from './sshd.ts'
import { su } from './su.ts'
import { sudo } from './sudo.ts'
import { syslog } from './syslog.ts'

/** Every format that `parse:` of a pipeline and `--as` may name. A new format is one import and one entry here. */
const DEFINITIONS: readonly FormatDefinition[] = [kubeAudit, logind, pam, sshd, su, sudo, syslog]

export const formats: ReadonlyMap<string, FormatDefinition> = new Map(
  DEFINITIONS.map((definition) => [definition.name, definition]),
)
