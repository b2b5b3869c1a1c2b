// The guide by what a reader wants to do: every page of docs/guide stands in one group, which the tests see to.
// @ts-check

/** @type {readonly { readonly text: string, readonly pages: readonly string[] }[]} */
export const TASKS = [
  { text: 'Begin', pages: ['getting-started', 'growing', 'questions', 'glossary', 'looks-wrong'] },
  { text: 'Choose and tune', pages: ['choosing', 'adaptive-ttl', 'tuning', 'insight', 'experiments'] },
  { text: 'Keys and values', pages: ['keys', 'class-instances', 'values', 'encryption'] },
  {
    text: 'Tiers',
    pages: ['tiers', 'redis', 'postgres', 'sqlite', 'memcached', 'files', 'distributed', 'regions', 'write-a-tier'],
  },
  { text: 'Correctness', pages: ['guarantees', 'invalidation', 'transactions'] },
  {
    text: 'Data sources',
    pages: [
      'sources',
      'collections',
      'refresh-ahead',
      'write-through',
      'write-behind',
      'orm',
      'wrappers',
      'warming',
      'jobs',
      'resilience',
    ],
  },
  { text: 'HTTP and the edge', pages: ['http', 'cdn', 'assets', 'images'] },
  { text: 'From another cache', pages: ['drop-ins', 'moving', 'from-python'] },
  {
    text: 'Operate',
    pages: [
      'settings',
      'operations',
      'troubleshooting',
      'deploy',
      'nodes',
      'shutdown',
      'runtimes',
      'security',
      'testing',
    ],
  },
  { text: 'Control plane', pages: ['control-plane', 'dashboard', 'command-line', 'assistants', 'deals-api'] },
]

/** What is made from the code, beside a page for each name. */
export const TABLES = [
  ['options', 'Options'],
  ['methods', 'Methods'],
  ['events', 'Events'],
  ['errors', 'Errors'],
  ['causes', 'Causes of misses'],
  ['metrics', 'Metrics'],
  ['environment', 'Environment variables'],
  ['commands', 'Commands'],
  ['routes', 'HTTP routes'],
]
