import { spawnSync } from 'node:child_process'
import { isatty } from 'node:tty'

/** Puts the terminal on standard input back as it was when this was made. */
export interface TerminalState {
  restore(): void
}

/**
 * Remembers the modes of the terminal on standard input. QEMU makes it raw and mends that when it ends, but not when it is killed.
 * Without a terminal, or without stty(1), this does nothing.
 */
export function saveTerminal(): TerminalState {
  if (!isatty(0)) return { restore() {} }
  const saved = spawnSync('stty', ['-g'], { stdio: ['inherit', 'pipe', 'ignore'], encoding: 'utf8' })
  return {
    restore() {
      if (saved.status === 0) spawnSync('stty', [saved.stdout.trim()], { stdio: ['inherit', 'ignore', 'ignore'] })
    },
  }
}
