/**
 * Case folding: Sigma compares without case unless a rule says `cased`. Lower case by Unicode, with the final sigma made an
 * ordinary one, for it is the only letter whose lower case depends on its neighbours: so fold(a + b) = fold(a) + fold(b), and
 * a folded needle is found in a folded text wherever it stands.
 *
 * The only characters outside ASCII whose folding holds an ASCII letter are U+0130 (İ → i̇) and U+212A (the Kelvin sign → k);
 * the pre-filter relies on it, and a test proves it.
 */
export function fold(text: string): string {
  const lower = text.toLowerCase()
  return lower.includes('ς') ? lower.replaceAll('ς', 'σ') : lower
}
