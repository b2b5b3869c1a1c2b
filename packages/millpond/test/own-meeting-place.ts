// Run before each suite: caches of memory alone meet in a place of their process, and suites that share one must not
// see each other's.
import { partProcessNodes } from '../src/nodes/memory.ts'

partProcessNodes()
