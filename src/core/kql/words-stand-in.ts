const segmenter = new Intl.Segmenter('en', { granularity: 'word' })
export function cutWords(text: string): string[] {
  const words: string[] = []
  for (const part of segmenter.segment(text)) if (part.isWordLike) words.push(part.segment.toLowerCase())
  return words
}
