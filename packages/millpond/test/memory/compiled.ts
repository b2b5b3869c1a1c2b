// The memory room as plain JavaScript in a folder, for child processes that need flags of their own.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ModuleKind, ScriptTarget, transpileModule } from 'typescript'

const source = fileURLToPath(new URL('../../src', import.meta.url))

/** Writes `core`, `memory` and `codec` to the folder. */
export function compileMemory(folder: string): void {
  for (const room of ['core', 'memory', 'codec']) {
    for (const file of readdirSync(join(source, room), { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.ts')) continue
      const path = join(source, room, file)
      const target = join(folder, relative(source, path)).replace(/\.ts$/, '.mjs')
      const { outputText } = transpileModule(readFileSync(path, 'utf8'), {
        compilerOptions: { module: ModuleKind.ESNext, target: ScriptTarget.ES2023 },
      })
      mkdirSync(dirname(target), { recursive: true })
      writeFileSync(target, outputText.replaceAll(/(from\s+'\.[^']*)\.ts'/g, "$1.mjs'"))
    }
  }
}
