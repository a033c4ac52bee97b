const DENIALS = ['command not allowed', 'user NOT in sudoers', 'user NOT authorized on host']
const AUTH_FAILURE =
  /^\d{1,6} incorrect password attempts?$|^a password is required$|^conversation failed$|^auth could not identify password|^PAM|^account validation failure|^a terminal is required/

/** `event.action` of a refusal, by the reason that sudo gives. */
export function sudoRefusal(error: string): string {
  if (DENIALS.some((denial) => error.startsWith(denial))) return 'sudo_denied'
  return AUTH_FAILURE.test(error) ? 'sudo_auth_failed' : 'sudo_error'
}
