import kafkajs from 'kafkajs'

/** kafkajs is CommonJS, and Node finds only some of its names for `import { … }`. */
export const {
  AssignerProtocol,
  CompressionTypes,
  ConfigResourceTypes,
  Kafka,
  logLevel,
  PartitionAssigners,
} = kafkajs
