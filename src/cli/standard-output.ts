/**
 * Standard output, which is opened when there is something to print, for Node loads all that it knows of networks for it. A reader that has seen enough
 * (`linuxkit ... | head`) is no failure of what prints; what streams an image to it hears of it from its pipeline.
 */
export function standardOutput(): NodeJS.WriteStream {
  if (!process.stdout.listeners('error').includes(ignore)) process.stdout.on('error', ignore)
  return process.stdout
}

function ignore(): void {}
