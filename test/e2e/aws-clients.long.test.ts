// The other ways by which programs and the command line of AWS get their credentials: the same holds of each.
import { describe } from '@jest/globals';
import { hasCeph } from '../fixtures/ceph.js';
import {
  BY_PROFILE,
  BY_TOKEN,
  BY_TOKEN_FILE,
  commandTest,
  hasAwsCommand,
  sdkTest,
  setStage,
} from './aws-clients.js';

setStage();

(hasCeph ? describe : describe.skip)('on a real S3', () => {
  sdkTest(BY_TOKEN_FILE);
  sdkTest(BY_PROFILE);
});

(hasCeph && hasAwsCommand ? describe : describe.skip)('on a real S3', () => commandTest(BY_TOKEN));
