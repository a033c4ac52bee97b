import kafkajs from 'kafkajs'

/** kafkajs is CommonJS, and Node finds only some of its names for `import { … }`. */
export const { CompressionTypes, ConfigResourceTypes, Kafka, logLevel, PartitionAssigners } = kafkajs
