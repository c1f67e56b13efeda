import type { Place } from './errors.js'

/**
 * What library code tells about its work. It never prints; `cli/` renders these as lines that move on a terminal and as plain lines elsewhere.
 * A task has an `id` that is unique while it runs; `total` and `done` are bytes unless the task says otherwise.
 */
export type ProgressEvent =
  | { readonly type: 'start'; readonly id: string; readonly title: string; readonly total?: number | undefined }
  | { readonly type: 'advance'; readonly id: string; readonly done: number }
  | { readonly type: 'finish'; readonly id: string; readonly note?: string | undefined }
  | { readonly type: 'info'; readonly message: string }
  | { readonly type: 'warning'; readonly message: string; readonly where?: Place | undefined }

export type Progress = (event: ProgressEvent) => void

/** For callers that do not care. */
export const silent: Progress = () => {}
