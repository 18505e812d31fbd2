# Inside the VPC: spreads what the API sends over the producer's tasks.

locals {
  producer_port = 8080

  # A task that stops is let go of first: see SHUTDOWN_DELAY_SECONDS, which is longer.
  deregistration_seconds = 20
}

resource "aws_lb" "this" {
  # checkov:skip=CKV_AWS_91:The API logs the same requests, where they are wanted
  # checkov:skip=CKV2_AWS_20:It is internal, and the API speaks HTTPS alone
  name                       = var.name
  internal                   = true
  load_balancer_type         = "application"
  subnets                    = local.task_subnets
  security_groups            = [aws_security_group.this["load-balancer"].id]
  enable_deletion_protection = local.size.protect
  drop_invalid_header_fields = true
  # Less than the 75 s for which the producer keeps a connection: it must not close one that is about to be used.
  idle_timeout = 60
}

resource "aws_lb_target_group" "producer" {
  # checkov:skip=CKV_AWS_378:One hop inside the VPC, between two security groups
  name                          = "${var.name}-producer"
  target_type                   = "ip"
  vpc_id                        = aws_vpc.this.id
  protocol                      = "HTTP"
  port                          = local.producer_port
  deregistration_delay          = local.deregistration_seconds
  load_balancing_algorithm_type = "least_outstanding_requests" # one request may carry 1 transaction or 5,000

  health_check {
    path                = "/health/ready"
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

# Plain HTTP, over one hop between two security groups: a certificate needs a domain. TLS ends at the API.
resource "aws_lb_listener" "http" {
  # checkov:skip=CKV_AWS_2:A certificate needs a domain, and none is asked for
  # checkov:skip=CKV_AWS_103:Without a certificate there is no TLS version
  load_balancer_arn = aws_lb.this.arn
  protocol          = "HTTP"
  port              = 80

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.producer.arn
  }
}
