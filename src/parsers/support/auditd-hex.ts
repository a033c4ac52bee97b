/**
 * Strings that others choose (paths, names, arguments) are written in quotes, or in upper-case hexadecimal where they hold a space, a
 * quote, a control character or a byte that is not ASCII (the kernel's audit_log_untrustedstring, libaudit's audit_encode_value).
 */

/** Is it an even number of hexadecimal digits? Lower case is never written for a string. */
export function isHex(value: string): boolean {
  const { length } = value
  if (length === 0 || length % 2 !== 0) return false
  for (let i = 0; i < length; i++) {
    const unit = value.charCodeAt(i)
    if (!((unit >= 48 && unit <= 57) || (unit >= 65 && unit <= 70))) return false
  }
  return true
}

/** The text itself. Bytes that are no UTF-8 become U+FFFD. */
export function decodeHex(value: string): string {
  return Buffer.from(value, 'hex').toString('utf8')
}

/** Would its writer have put it into hexadecimal? A plain name may look like it: `name=BEEF`. */
export function neededHex(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 33 || unit === 34 || unit > 126) return true
  }
  return false
}

// oxlint-disable-next-line no-control-regex -- it looks for them
const CONTROL = /[\0-\x1f\x7f]/g

/** Control characters as terminals show them: `^M`, `^?`. */
export function withCarets(text: string): string {
  return text.replace(CONTROL, (control) => `^${String.fromCharCode(control.charCodeAt(0) ^ 64)}`)
}

export function encodeHex(text: string): string {
  return Buffer.from(text).toString('hex').toUpperCase()
}

export function isDigits(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i)
    if (unit < 48 || unit > 57) return false
  }
  return value !== ''
}
