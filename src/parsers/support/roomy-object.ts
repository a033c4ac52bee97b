import type { JsonObject } from '../../core/document.ts'

/**
 * An empty object with room for some thirty members. V8 makes an object a dictionary when more than a dozen members beyond its room
 * are added under computed names, which is slower to fill and to write: a sixth of what an audit event costs (measured). The room is
 * what the constructor's assignments say, whether they are run or not.
 */
class Roomy {
  declare a: unknown
  declare b: unknown
  declare c: unknown
  declare d: unknown
  declare e: unknown
  declare f: unknown
  declare g: unknown
  declare h: unknown

  constructor(isFilled: boolean) {
    if (!isFilled) return
    this.a = this.b = this.c = this.d = this.e = this.f = this.g = this.h = 0
    this.a = this.b = this.c = this.d = this.e = this.f = this.g = this.h = 0
    this.a = this.b = this.c = this.d = this.e = this.f = this.g = this.h = 0
  }
}

export function newRoomyObject(): JsonObject {
  return new Roomy(false) as unknown as JsonObject
}
