// `npm run build`: src/ → dist/.
import { build, install } from './project.mjs';

process.exitCode = install() || build();
