import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

/** Tokens by their hashes, keyed anew in each process: all are of one length, and comparing them tells nothing of what they were made of. */
export class Tokens {
  readonly #key = randomBytes(32)
  readonly #hashes: readonly { readonly name: string; readonly hash: Buffer }[]

  /** `tokens`: by name. */
  constructor(tokens: Readonly<Record<string, string>>) {
    this.#hashes = Object.entries(tokens).map(([name, token]) => ({ name, hash: this.#hash(token) }))
  }

  get isEmpty(): boolean {
    return this.#hashes.length === 0
  }

  /** The name of a token that was sent as `Authorization: Bearer …`. How long it takes tells nothing about any of them. */
  nameOf(authorization: string | undefined): string | undefined {
    const token = /^Bearer ([\x21-\x7e]{1,4096}) *$/i.exec(authorization ?? '')?.[1]
    if (token === undefined) return undefined
    const given = this.#hash(token)
    let found: string | undefined
    for (const { name, hash } of this.#hashes) if (timingSafeEqual(hash, given)) found = name
    return found
  }

  #hash(token: string): Buffer {
    return createHmac('sha256', this.#key).update(token).digest()
  }
}
