import { storeContract } from '../contracts/store.ts'
import { duckdbPlace } from '../support/duckdb-place.ts'

storeContract('duckdb', { place: duckdbPlace })
