/** Copies text; false when the browser forbids it (a page that is not served over HTTPS or from this machine). */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return false
  }
}
