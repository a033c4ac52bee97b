import { describe, test } from 'vitest'
import { storeContract } from '../contracts/store.ts'
import { ELASTICSEARCH, elasticsearchPlace } from '../support/elasticsearch-place.ts'

if (ELASTICSEARCH === undefined) {
  describe('store contract: elasticsearch', () => {
    test.skip('DECKLOG_TEST_ELASTICSEARCH is not set: no server to test on', () => undefined)
  })
} else storeContract('elasticsearch', { place: elasticsearchPlace, knows: 'ids' })
