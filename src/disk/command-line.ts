/** A command line of the kernel as one line of a configuration file: the kernel takes the end of a line for a space. */
export function singleLine(commandLine: string): string {
  return commandLine.trim().replaceAll(/\s*\n\s*/g, ' ')
}
