// Closes a jest run with the line that CI reads: `N passed, N failed`.

/**
 * @typedef {object} Counts
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {number} numRuntimeErrorTestSuites files that could not be run at all
 * @property {number} numPendingTests
 * @property {number} numTodoTests
 */

export default class CountReporter {
  /**
   * @param {unknown} _contexts
   * @param {Counts} results
   */
  onRunComplete(_contexts, results) {
    const failedBefore = Number(process.env.MAYFLY_TEST_FAILED_BEFORE ?? 0);
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites + failedBefore;
    const skipped = results.numPendingTests + results.numTodoTests;
    const notes = process.env.MAYFLY_TEST_NOTES ?? '';
    // On exit: jest prints its own summary after the last reporter.
    process.once('exit', () => {
      if (notes !== '') console.log(notes);
      console.log(
        `${results.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`,
      );
    });
  }
}
