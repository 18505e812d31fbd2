# The transactions on their way: the one thing between producer and consumer.

variable "stream_shards" {
  description = "0: on-demand, which grows by itself. Shards (1,000 records or 1 MB a second each) are cheaper under steady load."
  type        = number
  default     = 0

  validation {
    condition     = var.stream_shards >= 0 && var.stream_shards <= 200 && floor(var.stream_shards) == var.stream_shards
    error_message = "stream_shards is a whole number from 0 (on-demand) to 200."
  }
}

resource "aws_kinesis_stream" "transactions" {
  name = "${var.name}-transactions"
  # A week is how long a consumer or its database may be down and nothing is lost.
  retention_period = 168
  shard_count      = var.stream_shards == 0 ? null : var.stream_shards
  encryption_type  = "KMS"
  kms_key_id       = aws_kms_key.this.arn

  stream_mode_details {
    stream_mode = var.stream_shards == 0 ? "ON_DEMAND" : "PROVISIONED"
  }
}
