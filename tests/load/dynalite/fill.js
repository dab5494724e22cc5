// Fills dynalite's LevelDB without its HTTP server, which would take hours: lines of [table, item] from stdin.
// Items are stored and indexed by dynalite's own functions. The server must not run meanwhile.
const readline = require('readline')
const db = require('dynalite/db')

const store = db.create({ path: process.argv[2] })
const AT_ONCE = 500

const tables = {}
function table(name) {
  tables[name] ??= new Promise((done, failed) => store.getTable(name, (error, found) => (error ? failed(error) : done(found))))
  return tables[name]
}

async function put([name, item]) {
  const found = await table(name)
  await new Promise((done, failed) => {
    const finish = (error) => (error ? failed(error) : done())
    db.updateIndexes(store, found, null, item, (error) =>
      error ? failed(error) : store.getItemDb(name).put(db.createKey(item, found), item, finish))
  })
}

async function main() {
  let waiting = []
  for await (const line of readline.createInterface({ input: process.stdin })) {
    waiting.push(put(JSON.parse(line)))
    if (waiting.length === AT_ONCE) {
      await Promise.all(waiting)
      waiting = []
    }
  }
  await Promise.all(waiting)
  await new Promise((done) => store.db.close(done))
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
