// A process of its own for one library at one size: prints its samples as JSON and ends.
import { bytesPerEntry } from './bytes.ts'
import { ROWS, type Row, runRows } from './rows.ts'
import { subjectByName } from './subjects.ts'

const [task, name, size, ...rows] = process.argv.slice(2)
const subject = subjectByName(name ?? '')
const capacity = Number(size)
const answer =
  task === 'bytes'
    ? await bytesPerEntry(subject, capacity)
    : runRows(subject, capacity, rows.length === 0 ? ROWS : ROWS.filter((row: Row) => rows.includes(row)))
process.stdout.write(JSON.stringify(answer))
process.exit(0)
