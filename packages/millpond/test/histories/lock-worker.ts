// Holds the write lock of a SQLite file for a while, as a process that was stopped in the middle of a transaction
// would.
import Database from 'libsql'

const [path = '', ms = '0'] = process.argv.slice(2)
const database = new Database(path)
database.exec('PRAGMA busy_timeout = 5000')
database.exec('BEGIN IMMEDIATE')
setTimeout(() => {
  database.exec('COMMIT')
  database.close()
}, Number(ms))
