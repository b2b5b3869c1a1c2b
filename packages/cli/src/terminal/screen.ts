// The terminal's alternate screen: drawn without flicker, and left however the program ends.
import type { Streams } from './streams.ts'
import { type Part, render } from './text.ts'

const ENTER = '\x1b[?1049h\x1b[?25l'
const LEAVE = '\x1b[?25h\x1b[?1049l'
/** Synchronized output: terminals that support it draw the frame at once; others ignore it. */
const BEGIN = '\x1b[?2026h\x1b[H'
const END = '\x1b[J\x1b[?2026l'

export interface ScreenOptions {
  readonly streams: Streams
  readonly isColoured: boolean
  readonly onKey: (key: string) => void
  readonly onResize: () => void
}

export class Screen {
  readonly #options: ScreenOptions
  readonly #leave = (): void => this.#hide()
  readonly #key = (chunk: Buffer | string): void => this.#pressed(String(chunk))
  #isOpen = false

  constructor(options: ScreenOptions) {
    this.#options = options
  }

  get size(): { readonly columns: number; readonly rows: number } {
    const { stdout } = this.#options.streams
    return { columns: stdout.columns || 80, rows: stdout.rows || 24 }
  }

  open(): void {
    const { stdin, stdout } = this.#options.streams
    this.#show()
    stdin.on('data', this.#key)
    stdout.on('resize', this.#options.onResize)
    // Also if the program crashes.
    process.on('exit', this.#leave)
  }

  close(): void {
    const { stdin, stdout } = this.#options.streams
    this.#hide()
    stdin.off('data', this.#key)
    stdin.pause()
    stdout.off('resize', this.#options.onResize)
    process.off('exit', this.#leave)
  }

  /** Lines that fit: the caller has cut them. */
  draw(lines: readonly Part[]): void {
    if (!this.#isOpen) return
    const { streams, isColoured } = this.#options
    const { rows } = this.size
    const words = lines.slice(0, rows).map((line) => `${render(line, isColoured)}\x1b[K`)
    streams.stdout.write(`${BEGIN}${words.join('\r\n')}${END}`)
  }

  #show(): void {
    const { stdin, stdout } = this.#options.streams
    stdin.setRawMode?.(true)
    stdin.resume()
    stdout.write(ENTER)
    this.#isOpen = true
  }

  #hide(): void {
    if (!this.#isOpen) return
    const { stdin, stdout } = this.#options.streams
    this.#isOpen = false
    stdin.setRawMode?.(false)
    stdout.write(LEAVE)
  }

  #pressed(keys: string): void {
    if (keys === '\u001a') this.#suspend()
    else this.#options.onKey(keys)
  }

  /** Ctrl-Z is an ordinary key here: the shell gets its terminal back, and after `fg` the frame is drawn again. */
  #suspend(): void {
    this.#hide()
    process.once('SIGCONT', () => {
      this.#show()
      this.#options.onResize()
    })
    process.kill(process.pid, 'SIGTSTP')
  }
}
