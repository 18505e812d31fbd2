# What a size decides. Every line of it can be overridden below, by itself.

variable "size" {
  description = "production: two of everything, in two zones, protected. development: one of each, cheap and easy to remove."
  type        = string
  default     = "production"

  validation {
    condition     = contains(["development", "production"], var.size)
    error_message = "size is development or production."
  }
}

locals {
  sizes = {
    production = {
      nat_per_zone       = true
      container_insights = true
      # At one transaction a request they cost more than the stream does.
      access_logs = false
      protect     = true
      producer    = { cpu = 512, memory = 1024, min = 2, max = 10 }
      consumer    = { cpu = 1024, memory = 2048, min = 2, max = 4 }
      console     = { cpu = 512, memory = 1024, min = 2, max = 2 }
      database    = { class = "db.t4g.small", multi_az = true, max_storage_gb = 500 }
    }
    development = {
      nat_per_zone       = false
      container_insights = false
      access_logs        = true
      protect            = false
      producer           = { cpu = 256, memory = 512, min = 1, max = 2 }
      consumer           = { cpu = 512, memory = 2048, min = 1, max = 2 }
      console            = { cpu = 256, memory = 1024, min = 1, max = 1 }
      database           = { class = "db.t4g.micro", multi_az = false, max_storage_gb = 50 }
    }
  }

  size = {
    nat_per_zone       = coalesce(var.nat_per_zone, local.sizes[var.size].nat_per_zone)
    container_insights = coalesce(var.container_insights, local.sizes[var.size].container_insights)
    access_logs        = coalesce(var.access_logs, local.sizes[var.size].access_logs)
    protect            = coalesce(var.protect, local.sizes[var.size].protect)
    producer           = coalesce(var.producer_tasks, local.sizes[var.size].producer)
    consumer           = coalesce(var.consumer_tasks, local.sizes[var.size].consumer)
    console            = coalesce(var.console_tasks, local.sizes[var.size].console)
    database           = coalesce(var.database, local.sizes[var.size].database)
  }

  # A shard is read by one task, so more tasks than shards would wait for nothing. On-demand streams begin with four.
  shards         = var.stream_shards == 0 ? 4 : var.stream_shards
  consumer_tasks = { min = min(local.size.consumer.min, local.shards), max = min(local.size.consumer.max, local.shards) }
}

variable "nat_per_zone" {
  description = "With egress = nat: a NAT gateway in each zone, so that the loss of a zone is that zone's alone. null: by size."
  type        = bool
  default     = null
}

variable "container_insights" {
  description = "Container Insights: metrics by task, billed by metric. null: by size."
  type        = bool
  default     = null
}

variable "access_logs" {
  description = "Access log of the API, without bodies and keys. null: by size."
  type        = bool
  default     = null
}

variable "protect" {
  description = "Database and load balancer refuse to be deleted, bucket and repositories while they are full. null: by size."
  type        = bool
  default     = null
}

variable "producer_tasks" {
  description = "Fargate size (cpu units, MiB) and number of the producer's tasks. null: by size."
  type        = object({ cpu = number, memory = number, min = number, max = number })
  default     = null

  validation {
    condition = var.producer_tasks == null ? true : alltrue([
      contains([256, 512, 1024, 2048, 4096], var.producer_tasks.cpu),
      var.producer_tasks.memory >= 2 * var.producer_tasks.cpu,
      var.producer_tasks.memory <= min(30720, 8 * var.producer_tasks.cpu),
      var.producer_tasks.memory == 512 || var.producer_tasks.memory % 1024 == 0,
      var.producer_tasks.min >= 1,
      var.producer_tasks.max >= var.producer_tasks.min,
    ])
    error_message = "producer_tasks: what Fargate takes, memory two to eight times cpu; min is at least 1 and max at least min."
  }
}

variable "consumer_tasks" {
  description = "Fargate size (cpu units, MiB) and number of the consumer's tasks; there are never more than shards. null: by size."
  type        = object({ cpu = number, memory = number, min = number, max = number })
  default     = null

  validation {
    condition = var.consumer_tasks == null ? true : alltrue([
      contains([256, 512, 1024, 2048, 4096], var.consumer_tasks.cpu),
      var.consumer_tasks.memory >= max(1024, 2 * var.consumer_tasks.cpu),
      var.consumer_tasks.memory <= min(30720, 8 * var.consumer_tasks.cpu),
      var.consumer_tasks.memory % 1024 == 0,
      var.consumer_tasks.min >= 1,
      var.consumer_tasks.max >= var.consumer_tasks.min,
    ])
    error_message = "consumer_tasks: what Fargate takes, memory two to eight times cpu and at least 1024; min is at least 1 and max at least min."
  }
}

variable "console_tasks" {
  description = "Fargate size (cpu units, MiB) and number of the console's tasks; min and max are the same. null: by size."
  type        = object({ cpu = number, memory = number, min = number, max = number })
  default     = null

  validation {
    condition = var.console_tasks == null ? true : alltrue([
      contains([256, 512, 1024, 2048, 4096], var.console_tasks.cpu),
      var.console_tasks.memory >= max(1024, 2 * var.console_tasks.cpu),
      var.console_tasks.memory <= min(30720, 8 * var.console_tasks.cpu),
      var.console_tasks.memory % 1024 == 0,
      var.console_tasks.min >= 1,
      var.console_tasks.max == var.console_tasks.min,
    ])
    error_message = "console_tasks: what Fargate takes, memory two to eight times cpu and at least 1024; min is at least 1 and max the same."
  }
}

variable "database" {
  description = "RDS instance class, standby in the second zone, and how far the storage may grow by itself. null: by size."
  type        = object({ class = string, multi_az = bool, max_storage_gb = number })
  default     = null

  validation {
    condition     = var.database == null ? true : startswith(var.database.class, "db.") && var.database.max_storage_gb > 20
    error_message = "database: class is one like db.t4g.small, and max_storage_gb more than the 20 it begins with."
  }
}
