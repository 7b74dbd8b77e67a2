"""One run: from disk if it is finished, else computed; its report, trackers, repetition."""
