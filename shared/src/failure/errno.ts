/** The system's name of an error, such as ENOENT; null for any other error. */
export function errnoOf(error: unknown): string | null {
  return error instanceof Error && "code" in error && "syscall" in error ? String(error.code) : null;
}
