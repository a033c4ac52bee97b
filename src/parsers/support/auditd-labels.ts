import type { JsonObject } from '../../core/document.ts'

const PARTS = ['user', 'role', 'domain', 'level', 'category'] as const

/** A label of SELinux, `user:role:type:level[:categories]`, in parts: `obj_user`, `obj_role`, … */
export function putLabel(target: JsonObject, prefix: string, label: string): void {
  const parts = label.split(':')
  if (parts.length > PARTS.length) parts.splice(4, parts.length, parts.slice(4).join(':'))
  parts.forEach((part, at) => {
    target[`${prefix}_${PARTS[at]}`] = part
  })
}

export function labelOf(label: string): JsonObject {
  const parts: JsonObject = {}
  const words = label.split(':')
  words.slice(0, 4).forEach((word, at) => {
    parts[PARTS[at]!] = word
  })
  if (words.length > 4) parts['category'] = words.slice(4).join(':')
  return parts
}
