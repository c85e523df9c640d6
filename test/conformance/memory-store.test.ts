import { createMemoryStore } from '../../src/store/memory-store.ts';
import { describeStore } from './store.ts';

describeStore('memory', async (options) => createMemoryStore(options));
