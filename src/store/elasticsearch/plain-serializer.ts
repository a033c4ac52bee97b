import { Serializer } from '@elastic/elasticsearch'

/** Answers stay text: who asked parses them, or finds documents in them byte by byte. */
export function serializerOfTexts(): typeof Serializer {
  return class extends Serializer {
    override deserialize<T>(json: string): T {
      return json as T
    }
  }
}
