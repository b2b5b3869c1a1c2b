// The progress of long-running work: a bar if a line can be overwritten, else a line for every tenth.
import type { Output } from './output.ts'
import { text } from './text.ts'
import { count } from './units.ts'

const WIDTH = 24

export interface Progress {
  at(done: number, all: number, words: string): void
  end(): void
}

export function progressOn(out: Output): Progress {
  let told = 0
  return {
    at(done, all, words) {
      const share = all === 0 ? 1 : Math.min(1, done / all)
      if (out.mayRedraw) {
        const full = Math.round(share * WIDTH)
        return out.redraw(text`${'█'.repeat(full) + '░'.repeat(WIDTH - full)} ${count(done)}/${count(all)} ${words}`)
      }
      const tenth = Math.floor(share * 10)
      if (tenth <= told || out.isJson) return
      told = tenth
      out.note(text`${tenth * 10} % ${count(done)}/${count(all)} ${words}`)
    },
    end: () => out.redraw(undefined),
  }
}
