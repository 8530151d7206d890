"""An emulator of a Serverless VPC Access connector: slots, queue, scale-up, delay, throughput."""
