import { Reader, type AsnResponse, type CityResponse } from 'mmdb-lib'
import type { JsonObject } from '../../core/document.ts'
import type { GeoFiles } from '../../core/enrichment.ts'

/** ECS `geo` and `as` of an address. */
export interface Place {
  readonly geo: JsonObject | undefined
  readonly as: JsonObject | undefined
}

/** @throws {Error} when a file is none of MaxMind's */
export function geoLookup(files: GeoFiles): ((ip: string) => Place) | undefined {
  const city = readerOf<CityResponse>(files.city)
  const asn = readerOf<AsnResponse>(files.asn)
  if (city === undefined && asn === undefined) return undefined
  return (ip) => ({ geo: geoOf(ask(city, ip)), as: asOf(ask(asn, ip)) })
}

function readerOf<T extends CityResponse | AsnResponse>(file: Uint8Array | undefined): Reader<T> | undefined {
  if (file === undefined) return undefined
  return new Reader<T>(Buffer.from(file.buffer, file.byteOffset, file.byteLength))
}

/** A damaged file gives nothing for some addresses, and no exception. */
function ask<T extends CityResponse | AsnResponse>(reader: Reader<T> | undefined, ip: string): T | undefined {
  try {
    return reader?.get(ip) ?? undefined
  } catch {
    return undefined
  }
}

function geoOf(found: CityResponse | undefined): JsonObject | undefined {
  if (found === undefined) return undefined
  const { continent, country, city, subdivisions, location, postal } = found
  const region = subdivisions?.[0]
  const code = country?.iso_code
  return filled({
    continent_code: continent?.code,
    continent_name: continent?.names?.en,
    country_iso_code: code,
    country_name: country?.names?.en,
    region_iso_code:
      region?.iso_code === undefined || code === undefined ? undefined : `${code}-${region.iso_code}`,
    region_name: region?.names?.en,
    city_name: city?.names?.en,
    postal_code: postal?.code,
    timezone: location?.time_zone,
    location:
      location?.latitude === undefined || location.longitude === undefined
        ? undefined
        : { lat: location.latitude, lon: location.longitude },
  })
}

function asOf(found: AsnResponse | undefined): JsonObject | undefined {
  if (found?.autonomous_system_number === undefined) return undefined
  const name = found.autonomous_system_organization
  return {
    number: found.autonomous_system_number,
    ...(name === undefined ? {} : { organization: { name } }),
  }
}

function filled(fields: Readonly<Record<string, string | JsonObject | undefined>>): JsonObject | undefined {
  const found: JsonObject = {}
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) found[name] = value
  return Object.keys(found).length === 0 ? undefined : found
}
