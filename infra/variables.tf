# What every deployment says. What a size decides, and each of its overrides, stands in sizes.tf.

variable "name" {
  description = "Beginning of every resource's name; two deployments in one account and region need two names."
  type        = string
  default     = "payment-analytics"

  validation {
    condition = alltrue([
      can(regex("^[a-z][a-z0-9-]{0,18}[a-z0-9]$", var.name)),
      !strcontains(var.name, "--"),
      !startswith(var.name, "internal-"), # AWS keeps it for itself
    ])
    error_message = "name takes 2 to 20 lower case letters, digits and single dashes, a letter first and no dash last."
  }
}

variable "region" {
  description = "AWS region of everything."
  type        = string
  default     = "eu-central-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region is a name like eu-central-1."
  }
}

variable "producer_tag" {
  description = "Tag of the producer's image. deploy.sh passes the tag of what it built; an older one is a rollback."
  type        = string
  default     = "unset"

  validation {
    condition     = can(regex("^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$", var.producer_tag))
    error_message = "producer_tag is an image tag: up to 128 letters, digits, dots, dashes and underscores."
  }
}

variable "consumer_tag" {
  description = "Tag of the consumer's image, which is also the notifier's and the migration's. As producer_tag."
  type        = string
  default     = "unset"

  validation {
    condition     = can(regex("^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$", var.consumer_tag))
    error_message = "consumer_tag is an image tag: up to 128 letters, digits, dots, dashes and underscores."
  }
}

variable "cpu_architecture" {
  description = "What the images were built for. ARM64 (Graviton) costs a fifth less."
  type        = string
  default     = "ARM64"

  validation {
    condition     = contains(["ARM64", "X86_64"], var.cpu_architecture)
    error_message = "cpu_architecture is ARM64 or X86_64."
  }
}

variable "log_level" {
  description = "Log level of all containers."
  type        = string
  default     = "INFO"

  validation {
    condition     = contains(["DEBUG", "INFO", "WARNING", "ERROR"], var.log_level)
    error_message = "log_level is DEBUG, INFO, WARNING or ERROR."
  }
}

variable "log_retention_days" {
  description = "How long every log group keeps its lines."
  type        = number
  default     = 365

  validation {
    condition     = contains([7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days is one that CloudWatch has, such as 30, 90, 180, 365, 731 or 3653."
  }
}

variable "before_services" {
  description = "Script of migrations and the first key, run between database and services. deploy.sh passes it; empty: none."
  type        = string
  default     = ""
}
