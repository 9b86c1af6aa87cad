// A program and the command line of AWS get their credentials, ask for the next by themselves, and end with the task.
import { describe } from '@jest/globals';
import { hasCeph } from '../fixtures/ceph.js';
import { BY_PROFILE, BY_TOKEN, commandTest, hasAwsCommand, sdkTest, setStage } from './aws-clients.js';

setStage();

(hasCeph ? describe : describe.skip)('on a real S3', () => sdkTest(BY_TOKEN));

(hasCeph && hasAwsCommand ? describe : describe.skip)('on a real S3', () => commandTest(BY_PROFILE));
