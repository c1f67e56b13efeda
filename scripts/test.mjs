// Runs every check and every test and closes with one line: "N passed, N failed".
// Usage: test.mjs [--checks]   (the quick checks only)
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'

const scratch = await mkdtemp(join(tmpdir(), 'linuxkit-test-'))
let passed = 0
/** What failed, to be said again at the end, where a reader of a long log looks first. */
const failures = []

/** Runs a command and gives its status; its output goes to `onOutput`, or to this process's own. */
function run(command, args, { cwd, onOutput, environment } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env: environment, stdio: ['ignore', onOutput ? 'pipe' : 'inherit', 'inherit'] })
    child.stdout?.setEncoding('utf8').on('data', onOutput)
    child.on('error', reject)
    child.on('close', (status, signal) => resolve(signal ?? status))
  })
}

function fail(title, ...reason) {
  failures.push([title, ...reason.join('\n').split('\n').slice(0, 4)].join('\n    ').trimEnd())
}

function count(title, ok) {
  if (ok) passed += 1
  else fail(title)
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${title}`)
}

async function check(title, command, args, options) {
  count(title, (await run(command, args, options)) === 0)
}

/** gofmt has no status for "needs formatting": it prints the names. */
async function goFormat() {
  let names = ''
  const status = await run('gofmt', ['-l', 'guest'], { onOutput: (text) => (names += text) })
  if (names !== '') console.log(names)
  count('gofmt', status === 0 && names === '')
}

async function goTests() {
  let output = ''
  const status = await run('go', ['test', '-json', './...'], { cwd: 'guest', onOutput: (text) => (output += text) })
  const before = failures.length
  for (const line of output.split('\n')) {
    if (!line.startsWith('{')) continue
    const event = JSON.parse(line)
    if (event.Test === undefined) continue
    if (event.Action === 'pass') passed += 1
    if (event.Action === 'fail') fail(`go test ${event.Package} ${event.Test}`)
    if (event.Action === 'skip') console.log(`skipped ${event.Package} ${event.Test}`)
  }
  // A package that does not compile fails without a test.
  if (status !== 0) {
    if (failures.length === before) fail('go test')
    console.log(
      output
        .split('\n')
        .flatMap((line) => (line.startsWith('{') ? (JSON.parse(line).Output ?? '') : `${line}\n`))
        .join(''),
    )
  }
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} go test`)
}

/** Runs the conformance suite; a case passes when it gives the golden result, or when it is known not to and does not. */
async function conformance() {
  const known = new Set((await readFile('test/conformance-known.txt', 'utf8')).match(/^[a-z0-9-]+(?=:)/gmu))
  let output = ''
  const bin = `${process.execPath} ${resolve('dist/linuxkit.cjs')}`
  const environment = { ...process.env, LINUXKIT_CACHE: '', LINUXKIT_MIRROR: '' }
  await run(process.execPath, ['test/conformance/run.mjs', '--bin', bin, '--clean-errors'], {
    onOutput: (text) => (output += text),
    environment,
  })
  const counts = /^(\d+) passed, (\d+) failed$/mu.exec(output)
  const failing = new Map([...output.matchAll(/^FAIL ([a-z0-9-]+): (.*)$/gmu)].map(([, name, reason]) => [name, reason]))
  const unexpected = [...failing].filter(([name]) => !known.has(name))
  const mended = [...known].filter((name) => !failing.has(name))
  const before = failures.length
  for (const [name, reason] of unexpected) fail(`conformance ${name}`, reason)
  for (const name of mended) fail(`conformance ${name}`, 'It passes: take it out of test/conformance-known.txt.')
  if (counts === null) fail('conformance', output)
  passed += Number(counts?.[1] ?? 0) + known.size - 2 * mended.length
  console.log(`${failures.length === before ? 'ok    ' : 'FAILED'} conformance`)
}

async function vitest(project) {
  const file = join(scratch, `${project}.json`)
  const status = await run('npx', [
    '--no-install',
    'vitest',
    'run',
    '--project',
    project,
    '--reporter=default',
    '--reporter=json',
    `--outputFile=${file}`,
  ])
  const report = JSON.parse(await readFile(file, 'utf8').catch(() => '{}'))
  passed += report.numPassedTests ?? 0
  const before = failures.length
  for (const { name, message, assertionResults } of report.testResults ?? []) {
    const file = relative('.', name)
    const failing = assertionResults.filter((test) => test.status === 'failed')
    for (const test of failing) fail(`${file} > ${test.fullName}`, ...test.failureMessages)
    // A file that cannot be loaded fails without a test.
    if (failing.length === 0 && message) fail(file, message)
  }
  if (status !== 0 && failures.length === before) fail(`vitest --project ${project}`, `It ended with ${status}.`)
}

try {
  await check('types', 'npx', ['--no-install', 'tsc', '--noEmit', '-p', '.'])
  await check('lint', 'npx', ['--no-install', 'oxlint', '--type-aware', 'src', 'test', 'scripts'])
  await check('format', 'npx', ['--no-install', 'oxfmt', '--check', 'src', 'test', 'scripts'])
  await check('boundaries between the rooms', 'node', ['scripts/boundaries.mjs'])
  await goFormat()
  await check('go vet', 'go', ['vet', './...'], { cwd: 'guest' })
  if (!process.argv.includes('--checks')) {
    await goTests()
    await vitest('unit')
    await conformance()
    await vitest('boot')
  }
} finally {
  await rm(scratch, { recursive: true, force: true })
}
for (const failure of failures) console.log(`FAILED ${failure}`)
console.log(`${passed} passed, ${failures.length} failed`)
process.exitCode = failures.length === 0 ? 0 : 1
