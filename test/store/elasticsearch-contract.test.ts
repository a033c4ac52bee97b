import { describe, test } from 'vitest'
import { storeContract } from '../contracts/store.ts'
import { ELASTICSEARCH, elasticsearchPlace, secureServer } from '../support/elasticsearch-place.ts'

if (ELASTICSEARCH === undefined) {
  describe('store contract: elasticsearch', () => {
    test.skip('DECKLOG_TEST_ELASTICSEARCH is not set: no server to test on', () => undefined)
  })
} else storeContract('elasticsearch', { place: () => elasticsearchPlace() })

const secure = secureServer()
if (secure === undefined) {
  describe('store contract: elasticsearch with TLS and a password', () => {
    test.skip('DECKLOG_TEST_ELASTICSEARCH_TLS is not set: no server to test on', () => undefined)
  })
} else {
  storeContract('elasticsearch with TLS and a password', {
    place: () => elasticsearchPlace(secure),
  })
}
