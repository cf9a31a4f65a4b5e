package split

// BatchRows is how many rows are sent at a time.
const BatchRows = batchRows
