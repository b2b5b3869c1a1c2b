// What the front page runs, as it is served.
import { readFileSync } from 'node:fs'

export const PAGE_SCRIPT = readFileSync(new URL('../static/page.js', import.meta.url), 'utf8')
