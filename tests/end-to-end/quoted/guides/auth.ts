/** Stands for the check of a user's own application. */
export async function maySee(request: Request, runId: string): Promise<boolean> {
  return request.headers.get("cookie")?.includes(runId) === true;
}
