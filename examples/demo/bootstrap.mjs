// `npm run demo`: installs and builds what is missing, then runs demo.ts with the same arguments.
import { build, install, run } from '../../scripts/project.mjs';

process.exitCode =
  install() ||
  build() ||
  run(process.execPath, ['--import', 'tsx', 'examples/demo/demo.ts', ...process.argv.slice(2)]);
