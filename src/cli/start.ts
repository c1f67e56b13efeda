import { loadLibrary } from './library.js'

void loadLibrary(__dirname)
  .main(process.argv)
  .then((status) => {
    process.exitCode = status
    // Only what has been printed is waited for: Node would give its memory back bit by bit, which takes a while and is of no use to anybody.
    process.once('beforeExit', () => process.exit())
  })
