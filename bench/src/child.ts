// A process of its own for one library at one size: prints its samples as JSON and ends.
import { runAwaited } from './awaited.ts'
import { bytesPerEntry } from './bytes.ts'
import { contenderByName } from './contenders.ts'
import { runIsolated } from './isolated.ts'
import { ROWS, type Row, runRows } from './rows.ts'

const [task, name, size, ...rows] = process.argv.slice(2)
const capacity = Number(size)
process.stdout.write(JSON.stringify(await answer()), () => process.exit(0))

function answer(): Promise<unknown> {
  if (task === 'awaited') return runAwaited(name ?? '')
  if (task === 'isolated') return runIsolated(name ?? '')
  const contender = contenderByName(name ?? '')
  return task === 'bytes'
    ? bytesPerEntry(contender, capacity)
    : runRows(contender, capacity, rows.length === 0 ? ROWS : ROWS.filter((row: Row) => rows.includes(row)))
}
