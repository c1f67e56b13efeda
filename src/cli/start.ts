import { loadLibrary } from './library.js'

void loadLibrary(__dirname)
  .main(process.argv)
  .then((status) => {
    process.exitCode = status
    // When nothing is pending, not even something to print. By itself Node would then give its memory back bit by bit, which takes a while and is of no use to anybody.
    process.once('beforeExit', () => process.exit())
  })
