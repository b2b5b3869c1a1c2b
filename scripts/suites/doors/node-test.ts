// Node's runner of tests, as far as these use it, over Vitest.
export { describe, it } from 'vitest'
