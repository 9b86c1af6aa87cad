// A bound on how long somebody waits for a target: an answer that comes later is nobody's any more.

/** @throws Error where that takes longer. What has begun is not stopped by it. */
export async function answerWithin<Answer>(ms: number, work: Promise<Answer>): Promise<Answer> {
  let overdue: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    overdue = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(overdue);
  }
}
