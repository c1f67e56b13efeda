import type { WriteStream } from 'node:tty'
import type { Progress, ProgressEvent } from '../base/progress.js'

export interface Renderer {
  readonly progress: Progress
  /** Takes unfinished tasks off the screen; nothing is drawn afterwards. */
  close(): void
}

/** `quiet`: warnings only; `structured`: a line of key=value pairs for each event, as LinuxKit prints with -v. */
export type Verbosity = 'quiet' | 'normal' | 'structured'

/**
 * Renders progress on a terminal as one moving line for each task at work, elsewhere as one plain line for each finished task.
 * @param open gives the stream, and is called only when something may be written, for opening one takes Node a while
 */
export function createRenderer(open: () => NodeJS.WriteStream, verbosity: Verbosity): Renderer {
  if (verbosity === 'quiet') return { progress: (event) => warnings(open, event), close: () => {} }
  const stream = open()
  if (verbosity === 'structured') return structuredRenderer(stream)
  return stream.isTTY ? terminalRenderer(stream) : plainRenderer(stream)
}

function warnings(open: () => NodeJS.WritableStream, event: ProgressEvent): void {
  if (event.type === 'warning') open().write(`warning: ${withPlace(event)}\n`)
}

function withPlace({ message, where }: Extract<ProgressEvent, { type: 'warning' }>): string {
  if (where === undefined) return message
  return `${message} (${where.file}${where.line === undefined ? '' : `:${where.line}:${where.column ?? 1}`})`
}

interface Task {
  readonly title: string
  readonly total: number | undefined
  done: number
}

/** Follows the tasks at work and hands each line that is to stay to `keep`. */
function follow(tasks: Map<string, Task>, event: ProgressEvent, keep: (line: string) => void): void {
  if (event.type === 'info') keep(event.message)
  else if (event.type === 'warning') keep(`warning: ${withPlace(event)}`)
  else if (event.type === 'start') tasks.set(event.id, { title: event.title, total: event.total, done: 0 })
  else {
    const task = tasks.get(event.id)
    if (task === undefined) return
    if (event.type === 'advance') task.done = event.done
    else {
      tasks.delete(event.id)
      const note = event.note ?? (task.done > 0 ? bytes(task.done) : '')
      keep(note === '' ? task.title : `${task.title}  ${note}`)
    }
  }
}

function plainRenderer(stream: NodeJS.WritableStream): Renderer {
  const tasks = new Map<string, Task>()
  return { progress: (event) => follow(tasks, event, (line) => stream.write(`${line}\n`)), close: () => {} }
}

function structuredRenderer(stream: NodeJS.WritableStream): Renderer {
  const tasks = new Map<string, Task>()
  const write = (level: string, message: string): void => {
    stream.write(`time="${new Date().toISOString()}" level=${level} msg=${JSON.stringify(message)}\n`)
  }
  return {
    progress(event) {
      if (event.type === 'warning') write('warning', withPlace(event))
      else follow(tasks, event, (line) => write('info', line))
    },
    close: () => {},
  }
}

/** Often enough to look alive, seldom enough not to cost time. */
const FRAME_MS = 80

function terminalRenderer(stream: WriteStream): Renderer {
  const tasks = new Map<string, Task>()
  let drawn = 0
  let lastFrame = 0
  const erase = (): string => (drawn === 0 ? '' : `\u001B[${drawn}A\u001B[J`)
  const draw = (kept: string): void => {
    const rows = [...tasks.values()].slice(0, Math.max(stream.rows - 2, 1)).map((task) => row(task, stream.columns))
    stream.write(erase() + kept + rows.map((text) => `${text}\n`).join(''))
    drawn = rows.length
    lastFrame = Date.now()
  }
  return {
    progress(event) {
      let kept = ''
      follow(tasks, event, (line) => {
        kept += `${line}\n`
      })
      if (kept !== '' || Date.now() - lastFrame >= FRAME_MS) draw(kept)
    },
    close() {
      stream.write(erase())
      drawn = 0
      tasks.clear()
    },
  }
}

function row(task: Task, columns: number): string {
  const state = task.total === undefined || task.total === 0 ? bytes(task.done) : `${bytes(task.done)} of ${bytes(task.total)}`
  const room = Math.max(columns - state.length - 4, 8)
  const title = task.title.length > room ? `${task.title.slice(0, room - 1)}…` : task.title
  return `  ${title}  ${state}`
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const

/** A size for people: `12.3 MB`. */
export function bytes(count: number): string {
  let value = count
  let unit = 0
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000
    unit += 1
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit] ?? ''}`
}
